// Package watching plays a broadcast to somebody who only watches: the room page in a real Chromium,
// its picture from real programs. What is proven is the picture that is seen, not that it was asked for.
package watching
