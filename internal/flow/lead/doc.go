// Package lead lets exactly one of many processes do a work: the sequencer of a log, the projector of a zone.
package lead
