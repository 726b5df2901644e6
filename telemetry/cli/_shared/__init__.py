"""What several commands share.

Options come in groups (``option_groups``): a dataclass declares them once, and a command gets one object for each
group. ``output``, ``progress`` and ``summaries`` print; ``stopping`` ends well on signals.
"""
