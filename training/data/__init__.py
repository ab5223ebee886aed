"""From stored images to batches on the device."""
