"""Microcontrollers as data: one YAML file per device, decoded in this folder's README."""

from autotiny.devices._device import Device
from autotiny.devices._load import device_names, load_device

__all__ = ["Device", "device_names", "load_device"]
