"""One connection to an MQTT broker, which is made again whenever it is lost.

`link` is the interface for others, in the event loop; `session` is its part of one connection. `line` is the other
part, paho's, in the thread of the link, and `access` holds address and credentials. Only this room imports paho.
"""

from evenkeel.controller.mqtt.link import MqttLink
from evenkeel.controller.mqtt.session import Message

__all__ = ["Message", "MqttLink"]
