// Package config holds every setting of Corrillo and where it may come from:
// defaults, then corrillo.yaml, then the environment, then flags; the later
// one wins.
//
// Settings is the only list. The tags of a field say all there is to say
// about it:
//
//	key      its path in corrillo.yaml
//	name     its flag, with the prefix of its section
//	env      further names in the environment, the habits of Node apps; the
//	         first is always CORRILLO_ and the flag in capitals
//	default  its value when nobody says anything
//	dev      its value under --dev when nobody says anything
//	off      its value under --limits=off when nobody says anything
//	secret   "": never printed; "url": printed without its password
//	help     what it does, with the unit
//
// Only cmd/corrillo imports this package: every other package takes Options
// of its own. It imports nothing else of Corrillo.
package config
