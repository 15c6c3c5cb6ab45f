"""Which layouts a training run may take: rules of one layout, and all that keep them."""
