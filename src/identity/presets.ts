/** What is known about a public issuer. */
export interface Preset {
  /** Its `iss`; a trailing `*` stands for the rest, where every organisation has its own. */
  readonly issuer: string
  /** Claims that name a thing by an id which nobody can take over: a rule for this issuer needs one of them. */
  readonly immutable: readonly string[]
  /** What to match as well, and why. */
  readonly advice: string
}

/** Public issuers by the name that `stint issuer add --issuer` takes. docs/reference/federation.md shows this table. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  github: {
    issuer: 'https://token.actions.githubusercontent.com',
    immutable: ['repository_id', 'repository_owner_id'],
    advice:
      'Match `ref` or `environment` and `event_name` as well; never `sub`, whose format changes and whose names can be taken over.',
  },
  gitlab: {
    issuer: 'https://gitlab.com',
    immutable: ['job_project_id', 'project_id', 'namespace_id'],
    advice:
      'Match `ref_protected` as `true` as well; `job_project_id` is where the job ran, also for a merge request from a fork.',
  },
  circleci: {
    issuer: 'https://oidc.circleci.com/org/*',
    immutable: ['oidc.circleci.com/project-id'],
    advice: 'Match `oidc.circleci.com/ssh-rerun` as `false` as well, so that a person in a re-run shell gets nothing.',
  },
  buildkite: {
    issuer: 'https://agent.buildkite.com',
    immutable: ['pipeline_id', 'organization_id', 'cluster_id'],
    advice: 'Ask for the token with `--claim pipeline_id`: the slugs can be renamed and taken over.',
  },
  terraform: {
    issuer: 'https://app.terraform.io',
    immutable: ['terraform_workspace_id', 'terraform_project_id', 'terraform_organization_id'],
    advice: 'Match `terraform_run_phase` as well: `plan` and `apply` deserve separate rules.',
  },
  google: {
    issuer: 'https://accounts.google.com',
    immutable: ['sub'],
    advice: '`sub` is the numeric id of the service account; its e-mail address can be given to another.',
  },
}

/** The preset whose issuer this is. */
export function presetOf(issuer: string): Preset | undefined {
  return Object.values(PRESETS).find((preset) => {
    return preset.issuer.endsWith('*') ? issuer.startsWith(preset.issuer.slice(0, -1)) : issuer === preset.issuer
  })
}
