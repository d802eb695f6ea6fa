"""From bytes and trees of values to sound values, every fault with its place."""
