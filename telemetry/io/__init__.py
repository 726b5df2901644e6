"""Everything outside the process: one module per thing, and the two tables that find the right one."""
