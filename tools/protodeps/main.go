// Command protodeps writes the .proto files that Greenroom's own protos import
// (google.api.http and buf.validate) into a folder, printed from the descriptors
// that their Go modules carry.
//
// Why not `buf dep update`: that needs a schema registry over the network. The Go
// modules are pinned in go.sum already, so this is the same text, verified the same way.
package main

import (
	"flag"
	"log"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func main() {
	out := flag.String("out", "third_party", "folder to write to")
	flag.Parse()
	files := []protoreflect.FileDescriptor{
		validate.File_buf_validate_validate_proto,
		annotations.File_google_api_annotations_proto,
		annotations.File_google_api_http_proto,
	}
	if err := (&protoprint.Printer{}).PrintProtosToFileSystem(files, *out); err != nil {
		log.Fatalf("protodeps: %v", err)
	}
}
