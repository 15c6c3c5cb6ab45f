"""Where the time of an optimizer step goes: layers, pipeline, what comes once a step, other sites."""
