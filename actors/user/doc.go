// Package user is the actor of one person: it knows that person's sessions on all
// devices and nodes, and tells the conversations that they have joined when the person
// comes online or goes offline.
//
// A person is online from the first connection on, and offline when the last one has
// been gone for a grace time, so that reloading a page does not show.
package user
