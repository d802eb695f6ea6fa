"""The controller: one worker that sources and engines wake, what is told of its work, and the care of its state directory."""
