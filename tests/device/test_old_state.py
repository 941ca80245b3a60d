"""State files of releases before: what they say holds, and what they do not know is as in a new device."""

import json

from xknx.telegram.address import IndividualAddress

from knxgw.device.download import Stage, stage_of
from knxgw.device.kept_state import state_bytes
from tests.support.knx_device_rig import DeviceRig, Disk

# as a release without the security interface object has stored it
BEFORE_SECURITY = """{
 "version": 1,
 "programmed_address": 4380,
 "configured_address": 4373,
 "properties": {
  "application.program_version": "0000000000",
  "device.download_counter": "0002",
  "device.routing_count": "60",
  "device.service_control": "0004",
  "ip_parameter.additional_addresses": "",
  "ip_parameter.friendly_name": "476172616765000000000000000000000000000000000000000000000000",
  "ip_parameter.project_installation_id": "0000",
  "second_application.program_version": "0000000000"
 },
 "objects": {
  "1": {"state": 0, "error": 0},
  "2": {"state": 0, "error": 0},
  "3": {"state": 0, "error": 0},
  "4": {"state": 0, "error": 0},
  "5": {"state": 0, "error": 0}
 },
 "last_download": null
}"""


def test_a_device_of_a_release_without_security_goes_on_as_it_was() -> None:
    disk = Disk({"state": BEFORE_SECURITY.encode("ascii")})
    rig = DeviceRig(disk, IndividualAddress("1.1.21"))
    assert not rig.model.is_damaged
    assert stage_of(rig.model) is Stage.UNTOUCHED, "its own configuration runs"
    assert rig.device.individual_address.raw == 0x111C
    assert rig.model.kept["device.download_counter"] == b"\0\2"
    assert rig.ask("03d5064c6001") == "03d6064c6001" + b"Garage".hex()
    assert not rig.model.is_secure


def test_an_object_with_memory_that_is_missing_in_a_file_is_damage() -> None:
    found = json.loads(state_bytes(DeviceRig().model))
    del found["objects"]["1"]
    rig = DeviceRig(Disk({"state": json.dumps(found).encode("ascii")}))
    assert rig.model.is_damaged
