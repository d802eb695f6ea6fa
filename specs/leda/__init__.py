"""Leda's Self Update Agent on the wire: its desired states, feedback and inventory."""
