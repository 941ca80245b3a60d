"""Group objects: values, flags, sending rules; telegram to event, effect to telegram."""
