"""What makes files of the package from others."""
