"""One connection to an MQTT broker that is always being made, kept or made again.

`link` is what others use, in the event loop; `session` is its part of one connection. `line` is the other part, paho's, in
the thread of the link, and `access` what it takes to be let in. Only in here paho is known.
"""

from evenkeel.controller.mqtt.link import MqttLink
from evenkeel.controller.mqtt.session import Message

__all__ = ["Message", "MqttLink"]
