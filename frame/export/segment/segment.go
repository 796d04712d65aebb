// Package segment exports AuraUnincludedSegmentApi_can_build_upon. The main package of a
// runtime that has the API imports it.
package segment
