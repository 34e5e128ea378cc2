import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'

/** Monitoring, logs and errors. */
export const monitoring = [
  ...rulesOf('Datadog', 'https://docs.datadoghq.com/account_management/api-app-keys/', [
    named('datadog-api', 'API key', ['datadog', 'dd_api'], '<hex 32>'),
    named('datadog-app', 'application key', ['datadog', 'dd_app'], '<hex 40>', { confidence: 'medium' }),
  ]),
  ...rulesOf('Grafana', 'https://grafana.com/docs/grafana/latest/administration/service-accounts/', [
    known('grafana-service-account', 'service account token', 'glsa_<alnum 32>_<hex 8>'),
  ]),
]
