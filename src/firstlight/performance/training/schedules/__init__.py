"""Pipeline schedules: what idles and what is held, in formulas; and the order of the passes on each rank."""
