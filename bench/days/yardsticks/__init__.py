"""What the gateway is compared with: simple ways to share a line, and ports of what people run."""
