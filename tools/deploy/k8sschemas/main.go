// Command k8sschemas writes the JSON schemas of the Kubernetes kinds that our Helm chart uses, for kubeconform -strict,
// so that a chart can be checked without a network. They are made from the OpenAPI document in the module of
// Kubernetes itself, at the version below; what CI reads is checked in, as that module is large.
//
//	go run -C tools/deploy ./k8sschemas -out ../../deploy/helm/schemas
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const kubernetes = "k8s.io/kubernetes@v1.34.0"

// kinds are the definitions that the chart uses, by the names of the files that kubeconform looks for.
var kinds = map[string]string{
	"deployment-apps-v1":                     "io.k8s.api.apps.v1.Deployment",
	"horizontalpodautoscaler-autoscaling-v2": "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
	"job-batch-v1":                           "io.k8s.api.batch.v1.Job",
	"networkpolicy-networking-v1":            "io.k8s.api.networking.v1.NetworkPolicy",
	"poddisruptionbudget-policy-v1":          "io.k8s.api.policy.v1.PodDisruptionBudget",
	"service-v1":                             "io.k8s.api.core.v1.Service",
	"serviceaccount-v1":                      "io.k8s.api.core.v1.ServiceAccount",
}

type schema = map[string]any

func main() {
	out := flag.String("out", "", "folder to write to")
	flag.Parse()
	if err := write(*out); err != nil {
		fmt.Fprintln(os.Stderr, "k8sschemas:", err)
		os.Exit(1)
	}
}

func write(out string) error {
	definitions, err := openAPI()
	if err != nil {
		return err
	}
	for file, name := range kinds {
		needed := schema{}
		if err := collect(definitions, name, needed); err != nil {
			return err
		}
		top := schema{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": ref(name), "definitions": needed}
		text, err := json.MarshalIndent(top, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, file+".json"), append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// openAPI are the definitions of the Kubernetes API.
func openAPI() (schema, error) {
	text, err := exec.Command("go", "mod", "download", "-json", kubernetes).Output()
	if err != nil {
		return nil, err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(text, &module); err != nil {
		return nil, err
	}
	if text, err = os.ReadFile(filepath.Join(module.Dir, "api", "openapi-spec", "swagger.json")); err != nil {
		return nil, err
	}
	var document struct{ Definitions schema }
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&document)
	return document.Definitions, err
}

const refPrefix = "#/definitions/"

func ref(name string) string { return refPrefix + name }

// collect adds a definition and all that it leads to.
func collect(all schema, name string, into schema) error {
	if _, there := into[name]; there {
		return nil
	}
	definition, ok := all[name].(schema)
	if !ok {
		return fmt.Errorf("%s has no %s", kubernetes, name)
	}
	into[name] = nil // definitions lead back to themselves
	cleaned := clean(definition)
	pin(definition, cleaned)
	into[name] = cleaned
	for _, next := range refs(cleaned) {
		if err := collect(all, next, into); err != nil {
			return err
		}
	}
	return nil
}

// clean drops what says nothing to a validator, and refuses keys that are not there: a mistyped key is otherwise
// taken for one more.
func clean(in schema) schema {
	out := schema{}
	for _, key := range slices.Sorted(maps.Keys(in)) {
		value := in[key]
		switch {
		case key == "description" || strings.HasPrefix(key, "x-kubernetes-"):
		case key == "format" && value == "int-or-string":
			return schema{"oneOf": []schema{{"type": "string"}, {"type": "integer"}}}
		case key == "properties":
			properties := schema{}
			for name, p := range value.(schema) {
				properties[name] = clean(p.(schema))
			}
			out[key] = properties
			out["additionalProperties"] = false
		case key == "items" || key == "additionalProperties":
			if s, ok := value.(schema); ok {
				value = clean(s)
			}
			out[key] = value
		default:
			out[key] = value
		}
	}
	return out
}

// pin writes down what an object of a kind must call itself; a quantity may be a number as well.
func pin(definition, cleaned schema) {
	if strings.HasPrefix(fmt.Sprint(definition["description"]), "Quantity is") {
		delete(cleaned, "type")
		cleaned["oneOf"] = []schema{{"type": "string"}, {"type": "number"}}
	}
	named, ok := definition["x-kubernetes-group-version-kind"].([]any)
	properties, has := cleaned["properties"].(schema)
	if !ok || !has || len(named) != 1 {
		return
	}
	gvk := named[0].(schema)
	apiVersion := strings.TrimPrefix(fmt.Sprintf("%s/%s", gvk["group"], gvk["version"]), "/")
	properties["apiVersion"] = schema{"type": "string", "enum": []any{apiVersion}}
	properties["kind"] = schema{"type": "string", "enum": []any{gvk["kind"]}}
}

// refs are the names of the definitions that a schema leads to.
func refs(in any) (out []string) {
	switch x := in.(type) {
	case schema:
		for key, value := range x {
			if name, ok := value.(string); ok && key == "$ref" {
				out = append(out, strings.TrimPrefix(name, refPrefix))
				continue
			}
			out = append(out, refs(value)...)
		}
	case []any:
		for _, value := range x {
			out = append(out, refs(value)...)
		}
	}
	return out
}
