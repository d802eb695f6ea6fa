"""The preconditions of baselines: read, translated and judged by the present values."""
