"""What only the network can say about a configuration; reads, and changes no current."""
