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
{{- define "bokeh.hosts" -}}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (not .Values.hosts) }}
{{- fail "set hosts to the names under which browsers reach the app" }}
{{- end }}
{{- .Values.hosts | default (list "localhost:5006") | toJson }}
{{- end }}
{{- /* The groups of rules, with the thresholds, links and labels of the values. */}}
{{- define "bokeh.rules" -}}
{{- $alerts := .Values.alerts }}
{{- $thresholds := .Files.Get "files/thresholds.yaml" | fromYaml }}
{{- $all := list }}
{{- range $path, $bytes := .Files.Glob "files/rules/*.yaml" }}
  {{- $text := $.Files.Get $path }}
  {{- range $name, $value := mergeOverwrite (deepCopy $thresholds) $alerts.thresholds }}
    {{- $text = replace (printf "@%s@" $name) (toString $value) $text }}
  {{- end }}
  {{- range $group := ($text | fromYaml).groups }}
    {{- range $rule := $group.rules }}
      {{- if $rule.alert }}
        {{- $_ := mergeOverwrite $rule.labels $alerts.labels }}
        {{- if $alerts.runbookUrl }}
          {{- $_ := set $rule.annotations "runbook_url" (printf "%s/%s.md" $alerts.runbookUrl $rule.alert) }}
        {{- end }}
        {{- if $alerts.dashboardUrl }}
          {{- $board := replace "http://localhost:3000" $alerts.dashboardUrl $rule.annotations.dashboard_url }}
          {{- $_ := set $rule.annotations "dashboard_url" $board }}
        {{- else }}
          {{- $_ := unset $rule.annotations "dashboard_url" }}
        {{- end }}
      {{- end }}
    {{- end }}
    {{- $all = append $all $group }}
  {{- end }}
{{- end }}
{{- dict "groups" $all | toYaml }}
{{- end }}
{{- define "bokeh.ownCollector" -}}
{{- if and (eq .Values.monitoring "otel") (not .Values.collector.endpoint) }}yes{{ end }}
{{- end }}
