"""Time of single kernels, by roofline: products, attention, scans, element-wise work."""
