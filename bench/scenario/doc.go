// Package scenario runs crowds of clients against a server and hands what
// they saw to the judge.
//
// Each scenario is a function of one shape. Its error is for a run that could
// not begin; what went wrong later is in the Report.
package scenario
