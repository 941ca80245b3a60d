"""Keys of the group objects that rules ask for by name; numbers stand in `objects.yaml` only."""

GRID_CONTROL = "grid_supporting_control"
SMART_METER = ("smart_meter_l1", "smart_meter_l2", "smart_meter_l3")
HIGH_POWER = "high_power_devices"
IN_OPERATION = "in_operation"
DATE_TIME = "date_time"
LOAD_MANAGEMENT_STATE = "sharing_state"
# of a charging point
START_STOP = "start_stop"
INTERRUPTION = "interruption"
UNLOCK = "unlock"
SETPOINT = "setpoint"
RFID = "rfid"
STATE = "state"
REASON = "reason"
