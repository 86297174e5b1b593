"""The parts of bench/run: which allocators there are, what is measured under each, how, and how it is told."""
