// Package user is the actor of one person: it knows that person's sessions on
// all devices and says when the first has come and the last has gone.
//
// Online comes with the first device. Offline comes when the last has been
// gone for a grace time, so that a reload is no flicker.
package user
