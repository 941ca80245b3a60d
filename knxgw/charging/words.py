"""Words of one charging point: states, what is measured, what is offered, how its link is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple, NewType

PointNumber = NewType("PointNumber", int)  # 1…5

NOMINAL_V = 230  # of the mains, phase to neutral: where a power and a current stand for each other


class ChargingState(IntEnum):
    """Value of GO 50.

    Source: [reference-manual] 10.3, table 23.
    """

    ILLEGAL = 0
    START_UP = 1
    ERROR = 2
    NOT_AVAILABLE = 3
    CANCELLED = 4
    AVAILABLE = 5
    CONNECTED = 6
    MANUAL_START = 7
    CHARGE = 8
    CHARGE_REDUCED = 9
    CHARGE_VENTILATION = 10
    INTERRUPTION = 11

    @property
    def is_charging(self) -> bool:
        """Tell whether energy flows in this state."""
        return self in _CHARGING


_CHARGING = frozenset(
    (ChargingState.CHARGE, ChargingState.CHARGE_REDUCED, ChargingState.CHARGE_VENTILATION)
)

STATE_WORDS: Mapping[ChargingState, tuple[str, str]] = {  # (English, German)
    ChargingState.ILLEGAL: ("Illegal", "Ungültig"),
    ChargingState.START_UP: ("Start-up", "Startet"),
    ChargingState.ERROR: ("Error", "Fehler"),
    ChargingState.NOT_AVAILABLE: ("Not available", "Nicht verfügbar"),
    ChargingState.CANCELLED: ("Cancelled", "Abgebrochen"),
    ChargingState.AVAILABLE: ("Available", "Verfügbar"),
    ChargingState.CONNECTED: ("Connected", "Verbunden"),
    ChargingState.MANUAL_START: ("Manual start required", "Manueller Start erforderlich"),
    ChargingState.CHARGE: ("Charge", "Laden"),
    ChargingState.CHARGE_REDUCED: ("Charge with reduced current", "Laden mit reduziertem Strom"),
    ChargingState.CHARGE_VENTILATION: ("Charge + ventilation", "Laden + Lüftung"),
    ChargingState.INTERRUPTION: ("Interruption", "Unterbrechung"),
}


class Quantity(StrEnum):
    """What a charger or its meter can tell. Units: mA, W, mWh, hundredths of °C, text."""

    STATE = "state"  # the charger's own word for it, as ChargingState
    CONNECTED = "connected"  # 0, 1
    SETPOINT = "setpoint"
    CURRENT = "current"  # sum of the phases
    CURRENT_L1 = "current_l1"
    CURRENT_L2 = "current_l2"
    CURRENT_L3 = "current_l3"
    POWER = "power"
    POWER_L1 = "power_l1"
    POWER_L2 = "power_l2"
    POWER_L3 = "power_l3"
    ENERGY = "energy"
    ENERGY_L1 = "energy_l1"
    ENERGY_L2 = "energy_l2"
    ENERGY_L3 = "energy_l3"
    SESSION_ENERGY = "session_energy"
    SESSION_DURATION = "session_duration"  # s
    SESSION_START = "session_start"  # time of day [s since midnight], by the charger's clock
    SESSION_END = "session_end"  # the same; 0 while the session runs
    EVCCID = "evccid"
    SERIAL = "serial"
    FIRMWARE = "firmware"
    TEMPERATURE = "temperature"
    TEMPERATURE_WARNING = "temperature_warning"  # the charger's own flag: 0, 1
    RFID = "rfid"
    FAULT_INFO_1 = "fault_info_1"
    FAULT_INFO_2 = "fault_info_2"
    FAULT_INFO_3 = "fault_info_3"
    FAULT_INFO_4 = "fault_info_4"


Value = int | str
PHASE_CURRENTS = (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3)
PHASE_POWERS = (Quantity.POWER_L1, Quantity.POWER_L2, Quantity.POWER_L3)
PHASE_ENERGIES = (Quantity.ENERGY_L1, Quantity.ENERGY_L2, Quantity.ENERGY_L3)
FAULT_INFOS = (
    Quantity.FAULT_INFO_1,
    Quantity.FAULT_INFO_2,
    Quantity.FAULT_INFO_3,
    Quantity.FAULT_INFO_4,
)
MEASURED_KINDS: Mapping[str, tuple[Quantity, ...]] = {  # capability -> sum and phases
    "current": (Quantity.CURRENT, *PHASE_CURRENTS),
    "power": (Quantity.POWER, *PHASE_POWERS),
    "energy": (Quantity.ENERGY, *PHASE_ENERGIES),
}
METERED = tuple(quantity for kind in MEASURED_KINDS.values() for quantity in kind)


class LinkCondition(StrEnum):
    """How a device can be talked to."""

    STARTING = "starting"  # not tried yet
    GOOD = "good"
    NOT_REACHABLE = "not_reachable"  # no connection
    COMM = "comm"  # connected, but wrong answers
    WRONG_MODEL = "wrong_model"  # another model answers than the configured one


class Reason(IntEnum):
    """Why a charging point gets what it gets; the highest effective rank is shown.

    The numbers are the values of our own reason object (511 at charging point 1); one that was
    given once never changes its meaning.
    Source: load-management 6; product 16.
    """

    CONFIGURATION = 1
    FAULT = 2
    NOT_FOLLOWING = 3
    INTERRUPTION = 4
    GRID_CONTROL = 5
    LOCK_OUT = 6
    CANCELLED = 7
    WAITING_FOR_START = 8
    RESTORING = 9
    INTERNAL_ERROR = 10
    STOPPING = 11
    METER_LOST = 12
    SETPOINT = 13
    MINIMUM = 14
    MAXIMUM = 15
    HIGH_POWER = 16
    WAITING_FOR_CURRENT = 17
    INVALID_CURRENT = 18
    PRIORITY = 19
    FUSE_L1 = 20
    FUSE_L2 = 21
    FUSE_L3 = 22
    UNDER_USE = 23
    IDLE = 24
    RAISING = 25
    NOT_REACHABLE = 26
    NO_VEHICLE = 27
    NOT_READ_YET = 28
    CHARGER_LIMIT = 29
    CHARGER_SILENT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonWords:
    """One reason in words, and as the text on the bus [at most 14 characters]."""

    en: str
    de: str
    bus_en: str
    bus_de: str

    def words(self, language: str) -> str:
        """Return the words for people."""
        return self.de if language == "de" else self.en

    def bus(self, language: str) -> str:
        """Return the text of GO 512."""
        return self.bus_de if language == "de" else self.bus_en


REASON_WORDS: Mapping[Reason, ReasonWords] = {
    reason: ReasonWords(en=en, de=de, bus_en=bus_en, bus_de=bus_de)
    for reason, (en, de, bus_en, bus_de) in {
        Reason.CONFIGURATION: (
            "configuration fault",
            "Konfigurationsfehler",
            "Configuration",
            "Konfiguration",
        ),
        Reason.FAULT: (
            "charger reports an error",
            "Ladepunkt meldet einen Fehler",
            "Charger error",
            "Fehler Ladepkt",
        ),
        Reason.NOT_FOLLOWING: (
            "draws more than allowed: paused",
            "zieht mehr als erlaubt: angehalten",
            "Not following",
            "Folgt nicht",
        ),
        Reason.INTERRUPTION: ("interruption", "Unterbrechung", "Interruption", "Unterbrechung"),
        Reason.GRID_CONTROL: (
            "grid-supporting control",
            "netzdienliche Steuerung",
            "Grid control",
            "Netzsteuerung",
        ),
        Reason.LOCK_OUT: (
            "overcurrent lock-out",
            "Überstromsperre",
            "Overcurrent",
            "Überstrom",
        ),
        Reason.CANCELLED: (
            "cancelled until replugged",
            "abgebrochen bis zum Umstecken",
            "Cancelled",
            "Abgebrochen",
        ),
        Reason.WAITING_FOR_START: (
            "waiting for start",
            "wartet auf Start",
            "Wait for start",
            "Warte: Start",
        ),
        Reason.RESTORING: (
            "minimum until the state before the restart is known",
            "Minimum, bis der Zustand vor dem Neustart bekannt ist",
            "Starting",
            "Startet",
        ),
        Reason.NOT_REACHABLE: (
            "the charger cannot be reached: it may draw what it was last offered",
            "die Ladestation ist nicht erreichbar: sie darf ziehen, was ihr zuletzt angeboten war",
            "Not reachable",
            "Keine Verbind.",
        ),
        Reason.INTERNAL_ERROR: (
            "internal error of the gateway: minimum",
            "interner Fehler des Gateways: Minimum",
            "Internal error",
            "Gatewayfehler",
        ),
        Reason.STOPPING: (
            "gateway is stopping: minimum",
            "Gateway wird beendet: Minimum",
            "Stopping",
            "Wird beendet",
        ),
        Reason.SETPOINT: ("setpoint", "Sollwert", "Setpoint", "Sollwert"),
        Reason.MINIMUM: ("minimum current", "Mindeststrom", "Minimum", "Minimum"),
        Reason.MAXIMUM: (
            "maximum of the charging point",
            "Maximum des Ladepunkts",
            "Maximum",
            "Maximum",
        ),
        Reason.METER_LOST: (
            "smart meter silent or wrong: minimum",
            "Smart Meter schweigt oder misst falsch: Minimum",
            "Meter lost",
            "Zähler fehlt",
        ),
        Reason.HIGH_POWER: (
            "high power-consuming device: minimum",
            "leistungsstarker Verbraucher: Minimum",
            "High power dev",
            "Großgerät",
        ),
        Reason.WAITING_FOR_CURRENT: (
            "waiting for current",
            "wartet auf Strom",
            "Waiting",
            "Wartet",
        ),
        Reason.INVALID_CURRENT: (
            "charger gives invalid currents",
            "Ladepunkt liefert ungültige Ströme",
            "Invalid values",
            "Werte ungültig",
        ),
        Reason.PRIORITY: (
            "another charging point has priority",
            "anderer Ladepunkt hat Vorrang",
            "Priority other",
            "Vorrang",
        ),
        Reason.FUSE_L1: (
            "fuse and reserve on L1",
            "Sicherung und Reserve auf L1",
            "Fuse L1",
            "Sicherung L1",
        ),
        Reason.FUSE_L2: (
            "fuse and reserve on L2",
            "Sicherung und Reserve auf L2",
            "Fuse L2",
            "Sicherung L2",
        ),
        Reason.FUSE_L3: (
            "fuse and reserve on L3",
            "Sicherung und Reserve auf L3",
            "Fuse L3",
            "Sicherung L3",
        ),
        Reason.UNDER_USE: (
            "the vehicle takes no more",
            "das Fahrzeug nimmt nicht mehr",
            "Vehicle limit",
            "Fahrzeuggrenze",
        ),
        Reason.IDLE: (
            "the vehicle does not charge: minimum",
            "das Fahrzeug lädt nicht: Minimum",
            "Idle",
            "Lädt nicht",
        ),
        Reason.RAISING: (
            "being raised step by step",
            "wird schrittweise erhöht",
            "Raising",
            "Steigt",
        ),
        Reason.NO_VEHICLE: ("no vehicle", "kein Fahrzeug", "No vehicle", "Kein Fahrzeug"),
        Reason.NOT_READ_YET: (
            "not read yet",
            "noch nicht gelesen",
            "Not read yet",
            "Nicht gelesen",
        ),
        Reason.CHARGER_LIMIT: (
            "limit in the charger",
            "Grenze in der Ladestation",
            "Charger limit",
            "Grenze Station",
        ),
        Reason.CHARGER_SILENT: (
            "not known: charger silent",
            "nicht bekannt: Ladestation schweigt",
            "Charger silent",
            "Station stumm",
        ),
    }.items()
}


class Decision(NamedTuple):
    """What a charging point may draw per phase [mA], 0 or in range, and why."""

    offer_ma: int
    reason: Reason
