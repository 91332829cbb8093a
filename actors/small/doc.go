// Package small saves the memory of maps: Map is for owners of whom there are very
// many and most of whom hold little, and Shrink is for a map that held far more than
// it holds now.
package small
