{{- define "bokeh.selector" -}}
app.kubernetes.io/name: bokeh-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "bokeh.labels" -}}
{{ include "bokeh.selector" . }}
app.kubernetes.io/part-of: bokeh-server
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
{{- define "bokeh.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- define "bokeh.pod" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "bokeh.container" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
{{- define "bokeh.ownCollector" -}}
{{- if and (eq .Values.monitoring "otel") (not .Values.collector.endpoint) }}yes{{ end }}
{{- end }}
