//go:build !race

package server

// RaceDetector says whether this process was built with it; tests then build
// the server with it too.
const RaceDetector = false
