{{/* Labels that everything carries, and those by which pods are selected. */}}
{{- define "espalier.labels" -}}
app.kubernetes.io/name: espalier
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "espalier.selector" -}}
app.kubernetes.io/name: espalier
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "espalier.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Names of Secrets for the registry, as a pod has them. */}}
{{- define "espalier.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The port of ADDRESS:PORT. */}}
{{- define "espalier.agentPort" -}}
{{ regexFind "[0-9]+$" .Values.agent.metrics }}
{{- end }}

{{/*
Objects of a file of the repository as this release's: its namespace, its labels, and annotations.
Takes (dict "root" $ "text" TEXT "annotations" MAP).
*/}}
{{- define "espalier.objects" -}}
{{- $labels := fromYaml (include "espalier.labels" .root) -}}
{{- range regexSplit "(?m)^---\\s*$" (.text | replace "espalier-system" .root.Release.Namespace) -1 }}
{{- $object := fromYaml . }}
{{- with $object.Error }}{{ fail . }}{{ end }}
{{- if $object.kind }}
{{- $_ := set $object.metadata "labels" (merge ($object.metadata.labels | default dict) $labels) }}
{{- with $.annotations }}{{ $_ := set $object.metadata "annotations" (merge ($object.metadata.annotations | default dict) .) }}{{ end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the containers that install espalier-cni, or remove it, have in common. */}}
{{- define "espalier.cniContainer" -}}
image: {{ include "espalier.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
resources: {{ toYaml .Values.cni.resources | nindent 2 }}
# DAC_OVERRIDE: on some distributions root does not own the runtime's folders.
securityContext:
  runAsUser: 0
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL], add: [DAC_OVERRIDE]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
- {name: cni-programs, mountPath: /host/programs}
- {name: cni-networks, mountPath: /host/networks}
- {name: socket, mountPath: {{ .Values.agent.socketDirectory }}, readOnly: true}
{{- end }}

{{- define "espalier.cniFolders" -}}
- --bin-dir=/host/programs
- --conf-dir=/host/networks
- --log-format={{ .Values.agent.logFormat }}
{{- end }}

{{- define "espalier.cniArguments" -}}
{{ include "espalier.cniFolders" . }}
- --socket={{ .Values.agent.socketDirectory }}/pods.sock
- --timeout={{ .Values.cni.timeoutSeconds }}
{{- range prepend .Values.cni.exemptNamespaces .Release.Namespace | uniq }}
- --exempt-namespace={{ . }}
{{- end }}
{{- end }}
