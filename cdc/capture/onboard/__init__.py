"""A source taken on: from a live catalogue, or a catalogue file, to connector file and contracts.

Whatever would stop `cdc source contract` later is decided here, each decision with its code and its reason, so that no
file has to be edited before the first row arrives.
"""
