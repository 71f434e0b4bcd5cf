// Package api holds the contracts of Greenroom: protos as prose under greenroom/, and under gen/
// what buf made of them. The generated files are rebuilt, never edited.
package api

import _ "embed" // for OpenAPI

// OpenAPI is the OpenAPI 3 document of the B side's REST paths, generated from the protos.
//
//go:embed gen/openapi.yaml
var OpenAPI []byte
