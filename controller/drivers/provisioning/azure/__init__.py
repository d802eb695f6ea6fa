"""Azure as a cloud: its Device Provisioning Service over MQTT and HTTPS, and its IoT Hub (provisioning.md §4)."""
