"""The parts of a measurement of one network, each a dataset with named axes; `measure_network` puts them together."""
