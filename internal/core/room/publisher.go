package room

// The kinds of media server, as they stand in Publisher.MediaServer, in metrics and as actors of events.
const (
	NginxRTMP = "nginx-rtmp"
	SRS       = "srs"
	MediaMTX  = "mediamtx"
)

// FromNginxRTMP names a connection to an nginx-rtmp server. Its client ids are a counter that
// starts at 1 in every server, so the server's own name is part of the identity.
func FromNginxRTMP(server, clientID, ip string) Publisher {
	return Publisher{MediaServer: NginxRTMP, ClientID: server + "/" + clientID, ClientIP: ip}
}

// FromSRS names a connection to an SRS server. The id is random and the same in its callbacks
// (client_id) and in its API (publish.cid), whichever address either is reached by.
func FromSRS(clientID, ip string) Publisher {
	return Publisher{MediaServer: SRS, ClientID: clientID, ClientIP: ip}
}

// FromMediaMTX names a connection to a MediaMTX server. The id is a UUID and the same when it
// authenticates (id), in its hooks (MTX_SOURCE_ID) and in its API (source.id), except over RTSP,
// where the first is the connection's and the others the session's.
func FromMediaMTX(sourceID, ip string) Publisher {
	return Publisher{MediaServer: MediaMTX, ClientID: sourceID, ClientIP: ip}
}
