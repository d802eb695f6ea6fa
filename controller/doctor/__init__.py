"""The doctor: checks of the device, run side by side, each bounded; and the bundle of a bug report."""
