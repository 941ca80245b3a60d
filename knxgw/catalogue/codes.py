"""Values with a meaning of their own that group objects carry: states, reasons, fault codes.

What each means in words stands in `product_db/texts.yaml` and `product_db/faults.yaml`; their
readers refuse a file that lacks a member, or has one that is not here. A value never
changes its meaning.
"""

from enum import IntEnum, StrEnum


class ChargingState(IntEnum):
    """Value of object 50.

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


class Reason(IntEnum):
    """Why a charging point gets what it gets; the highest effective rank is shown.

    The numbers are the values of our own reason object (511 at charging point 1).
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


class LoadManagementState(IntEnum):
    """Value of object 504: what load management does. Source: product 16."""

    OFF = 0
    NORMAL = 1
    HIGH_POWER = 2
    EMERGENCY = 3
    LOCK_OUT = 4
    NOT_ASSOCIATED = 5


class FaultCode(StrEnum):
    """Code texts of object 9 and 95, at most 14 characters, exactly as they stand on the bus.

    Source: [reference-manual] 11.1, tables 62 and 63. `NotStopping`,
    `NotFollowing`, `StateLost`, `UpdateFailed`, `CTDirection` and `MeterFrozen` are ours.
    """

    CONTACT_SUPPORT = "ContactSupport"
    CONF_NO_CHARGER = "Conf NoCharger"
    CONF_CHARGER = "Conf Charger"
    CONF_E_METER = "Conf EMeter"
    DLM_ASSOCIATION = "DLMAssociation"
    SMART_METER_TIMEOUT = "SmartMeterTOut"
    CT_DIRECTION = "CTDirection"
    METER_FROZEN = "MeterFrozen"
    OVER_CURRENT = "OverCurrent"
    DLM_INVALID_CURRENT = "DLM InvCurrent"
    STATE_LOST = "StateLost"
    UPDATE_FAILED = "UpdateFailed"
    NOT_REACHABLE = "NotReachable"
    NOT_STOPPING = "NotStopping"
    WRONG_CHARGER = "WrongCharger"
    NOT_FOLLOWING = "NotFollowing"
    COMM = "Comm"
    CHARGER_ERROR = "ChargerError"
    OPERATION_NOT_POSSIBLE = "OpNotPossible"
    VALUE_OUT_OF_RANGE = "ValOutOfRange"
    E_METER_NOT_REACHABLE = "EMeterNotReach"
    E_METER_COMM = "EMeter Comm"
    E_METER_ERROR = "EMeter Error"


NO_ERROR = "No error"  # what object 9 and 95 say before the first fault
BUS_TEXT_LENGTH = 14  # characters of DPT 16.001, ISO 8859-1
