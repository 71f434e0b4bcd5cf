{{/* The release with the zone: two zones may share a namespace. */}}
{{- define "greenroom.name" -}}
{{ printf "%s-%s" .Release.Name .Values.zone | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "greenroom.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* What picks the pods of a role: must not change between versions. Takes {root, role}. */}}
{{- define "greenroom.selector" -}}
app.kubernetes.io/name: greenroom
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
greenroom.live/zone: {{ .root.Values.zone }}
{{- end }}

{{- define "greenroom.labels" -}}
{{ include "greenroom.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* The image holds one static program: it needs no rights, no shell and no disk. */}}
{{- define "greenroom.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "greenroom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* An environment variable out of the Secret. Takes {root, name, key, optional}. */}}
{{- define "greenroom.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: {name: {{ .root.Values.secret }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }}}
{{- end }}

{{- define "greenroom.atHome" -}}
{{ if eq .Values.zone .Values.home }}yes{{ end }}
{{- end }}

{{/* Where the viewer nodes of all zones take internal calls, this zone's own first. */}}
{{- define "greenroom.internal" -}}
{{- $all := list (printf "%s=%s-xroom-internal:8081" .Values.zone (include "greenroom.name" .)) }}
{{- range .Values.internal }}{{ $all = append $all (printf "%s=%s" .zone .address) }}{{ end }}
{{- join "," $all }}
{{- end }}

{{/* Where views ask for what they lack. */}}
{{- define "greenroom.source" -}}
{{- if include "greenroom.atHome" . }}{{ include "greenroom.name" . }}-xanchor-internal:8081
{{- else }}{{ required "a zone that is not home needs `source`" (join "," .Values.source) }}{{ end }}
{{- end }}

{{/* What every process is told. Takes {root, role, values}. */}}
{{- define "greenroom.env" -}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- {name: GREENROOM_ROLE, value: "{{ .role }}{{ if and (eq .role "xanchor") (include "greenroom.atHome" .root) }},xroom-management,xroom-extend{{ end }}"}
- {name: GREENROOM_ZONE, value: {{ .root.Values.zone }}}
- {name: GREENROOM_HOME, value: {{ .root.Values.home }}}
# The pod's own address: a leader tells it to those who ask another.
- {name: GREENROOM_INTERNAL_ADDR, value: "$(POD_IP):8081"}
- {name: GREENROOM_QUERY_ADMIN_ADDR, value: ":8002"}
{{ include "greenroom.fromSecret" (dict "root" .root "name" "GREENROOM_INTERNAL_SECRET" "key" "internal-secret") }}
{{ include "greenroom.fromSecret" (dict "root" .root "name" "GREENROOM_TOKEN" "key" "token") }}
{{- with .root.Values.jwks }}
- {name: GREENROOM_JWKS, value: {{ . | quote }}}
{{- end }}
{{- range $name, $value := merge (dict) .values.env .root.Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* What a process is told of the broker and of its neighbours. */}}
{{- define "greenroom.envBus" -}}
- {name: GREENROOM_NATS, value: {{ join "," .Values.nats.urls | quote }}}
- {name: GREENROOM_NATS_REPLICAS, value: {{ .Values.nats.replicas | quote }}}
{{- with .Values.nats.mirrorDomain }}
- {name: GREENROOM_NATS_MIRROR_DOMAIN, value: {{ . | quote }}}
{{- end }}
- {name: GREENROOM_INTERNAL, value: {{ include "greenroom.internal" . | quote }}}
{{- end }}

{{/* The ready probe asks the process itself; the live probe only whether it answers: a node that fills its views lives. */}}
{{- define "greenroom.probes" -}}
livenessProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 1
  failureThreshold: 1
lifecycle:
  preStop: {sleep: {seconds: 5}} # until nobody is sent here any more
{{- end }}

{{/* Where pods go. Takes {root, role}. */}}
{{- define "greenroom.placement" -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "greenroom.selector" $ | nindent 8 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What all pods have in common, above the containers. Takes {root, role}. */}}
{{- define "greenroom.pod" -}}
serviceAccountName: {{ include "greenroom.name" .root }}
automountServiceAccountToken: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "greenroom.podSecurity" . | nindent 2 }}
terminationGracePeriodSeconds: 30
{{- end }}

{{/* A Service. Takes {root, role, suffix, headless, ports: [{name, port}]}. */}}
{{- define "greenroom.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "greenroom.name" .root }}-{{ .role }}{{ .suffix }}
  labels:
    {{- include "greenroom.labels" . | nindent 4 }}
spec:
  {{- if .headless }}
  clusterIP: None
  # A node that fills its views is not ready for viewers, and needs its events all the more.
  publishNotReadyAddresses: true
  {{- end }}
  selector:
    {{- include "greenroom.selector" . | nindent 4 }}
  ports:
    {{- range .ports }}
    - {name: {{ .name }}, port: {{ .port }}, targetPort: {{ .name }}}
    {{- end }}
{{- end }}

{{/* A PodDisruptionBudget. Takes {root, role, pdb}. */}}
{{- define "greenroom.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "greenroom.name" .root }}-{{ .role }}
  labels:
    {{- include "greenroom.labels" . | nindent 4 }}
spec:
  {{- toYaml .pdb | nindent 2 }}
  selector:
    matchLabels:
      {{- include "greenroom.selector" . | nindent 6 }}
{{- end }}
