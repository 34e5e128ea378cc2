/** Where programs keep their settings: by the XDG specification, on macOS, on Windows. */
const SETTINGS = ['.config', 'Library/Application Support', 'AppData/Roaming']
/** Editors of the same make. */
const EDITORS = ['Code', 'Code - Insiders', 'VSCodium', 'Cursor', 'Windsurf']

const inSettings = (...paths: readonly string[]): string[] =>
  SETTINGS.flatMap((folder) => paths.map((path) => `${folder}/${path}`))
const ofEditors = (...paths: readonly string[]): string[] =>
  inSettings(...EDITORS.flatMap((editor) => paths.map((path) => `${editor}/User/${path}`)))

/** What was typed, a password or a key among it. */
const HISTORIES = [
  ...['.bash_history', '.zsh_history', '.zhistory', '.histfile', '.sh_history', '.ash_history', '.ksh_history', '.history'],
  ...['.bash_sessions/*.history*', '.zsh_sessions/*.history*', '.local/share/fish/*_history', '.config/nushell/history.txt'],
  ...['.psql_history', '.mysql_history', '.mariadb_history', '.sqlite_history', '.rediscli_history'],
  ...['.mongodb/mongosh/mongosh_repl_history', '.dbshell', '.node_repl_history', '.python_history', '.irb_history'],
  ...[
    '.php_history',
    '.viminfo',
    '.lesshst',
    '.local/share/atuin/*.db',
    '.local/state/*/*history*',
    '.local/share/zsh/*history*',
    '.local/share/powershell/PSReadLine/*_history.txt',
  ],
  'AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/*_history.txt',
]

/** What a shell or a session begins with. */
const SHELLS = [
  ...['.bashrc', '.bash_profile', '.bash_login', '.bash_aliases', '.profile', '.zshrc', '.zshenv', '.zprofile', '.zlogin'],
  ...['.kshrc', '.cshrc', '.tcshrc', '.xprofile', '.pam_environment', '.env', '.env.*', '.envrc', '.config/environment.d/*'],
  ...['.config/fish/config.fish', '.config/fish/fish_variables', '.config/fish/conf.d/*', '.config/powershell/*.ps1'],
]

const PACKAGES = [
  ...[
    '.npmrc',
    '.yarnrc',
    '.yarnrc.yml',
    '.bunfig.toml',
    '.pypirc',
    '.pip/pip.conf',
    '.cargo/credentials',
    '.cargo/credentials.toml',
  ],
  ...['.gem/credentials', '.bundle/config', '.composer/auth.json', '.m2/settings.xml', '.gradle/gradle.properties'],
  ...['.sbt/.credentials', '.ivy2/.credentials', '.nuget/NuGet/NuGet.Config', '.condarc', '.anaconda/navigator/*.json'],
  ...inSettings(
    'pip/pip.conf',
    'pip/pip.ini',
    'pypoetry/auth.toml',
    'composer/auth.json',
    'Composer/auth.json',
    'NuGet/NuGet.Config',
  ),
]

const REPOSITORIES = [
  ...['.git-credentials', '.gitconfig', '.config/git/credentials', '.config/git/config', '.netrc', '_netrc', '.authinfo'],
  ...[
    '.config/hub',
    '.config/tea/config.yml',
    '.gitcookies',
    '.hgrc',
    '.jfrog/*.conf*',
    '.ssh/*',
    '.circleci/cli.yml',
    '.travis/config.yml',
    '.sentryclirc',
  ],
  ...inSettings('gh/hosts.yml', 'GitHub CLI/hosts.yml', 'glab-cli/config.yml', 'github-copilot/*.json'),
]

const CLOUDS = [
  ...[
    '.aws/credentials',
    '.aws/config',
    '.aws/cli/cache/*.json',
    '.aws/sso/cache/*.json',
    '.boto',
    '.s3cfg',
    '.passwd-s3fs',
    '.saml2aws',
    '.aliyun/config.json',
    '.cloudflared/*.json',
  ],
  ...['.azure/*.json', '.azure/*.bin', '.oci/config', '.oci/*.pem', '.bluemix/config.json', '.config/openstack/clouds.yaml'],
  ...inSettings('gcloud/application_default_credentials.json', 'gcloud/*.db', 'gcloud/legacy_credentials/*/*'),
  ...inSettings(
    'doctl/config.yaml',
    'hcloud/cli.toml',
    'scw/config.yaml',
    'linode-cli',
    'netlify/config.json',
    'stripe/config.toml',
  ),
  ...inSettings(
    '.wrangler/config/*.toml',
    'com.vercel.cli/auth.json',
    'rclone/rclone.conf',
    'configstore/*.json',
    'ngrok/ngrok.yml',
  ),
  ...['.local/share/com.vercel.cli/auth.json', '.wrangler/config/*.toml', '.fly/config.yml', '.supabase/access-token'],
  ...[
    '.ngrok2/ngrok.yml',
    '.netlify/config.json',
    '.railway/config.json',
    '.doppler/.doppler.yaml',
    '.twilio-cli/config.json',
    '.kaggle/kaggle.json',
    '.cache/huggingface/*token*',
    '.huggingface/token',
  ],
]

const CLUSTERS = [
  ...['.kube/config', '.kube/*.yaml', '.kube/*.yml', '.kube/*.conf', '.docker/config.json', '.dockercfg'],
  ...[
    '.config/containers/auth.json',
    '.config/argocd/config',
    '.terraformrc',
    '.terraform.d/*.json',
    '.vault-token',
    '.vault_pass',
  ],
  ...[
    '.pulumi/credentials.json',
    '.ansible.cfg',
    '.chef/*.pem',
    '.config/sops/age/keys.txt',
    'AppData/Roaming/terraform.d/*.json',
  ],
  ...inSettings('helm/registry/config.json', 'helm/repositories.yaml'),
]

const DATABASES = [
  ...[
    '.pgpass',
    '.pg_service.conf',
    '.my.cnf',
    '.mongorc.js',
    '.redisclirc',
    '.odbc.ini',
    '.jupyter/*.json',
    '.config/pgcli/history',
    '.config/code-server/config.yaml',
    '.databrickscfg',
    '.snowsql/config',
    '.snowflake/*.toml',
  ],
  ...[
    '.dbt/profiles.yml',
    '.config/filezilla/*.xml',
    '.msmtprc',
    '.mbsyncrc',
    '.fetchmailrc',
    '.mailrc',
    '.muttrc',
    '.smbcredentials',
  ],
  ...inSettings('postgresql/pgpass.conf', 'msmtp/config', 'FileZilla/*.xml'),
]

/** Agents and what speaks the Model Context Protocol for them. */
const AGENTS = [
  ...['.mcp.json', '.mcp/config.json', '.mcp-auth/*/*.json', '.claude.json', '.claude.json.backup*', '.claude/settings*.json'],
  ...['.claude/.credentials.json', '.claude/history.jsonl', '.claude/backups/*', '.cursor/mcp.json', '.windsurf/mcp.json'],
  ...['.codeium/windsurf/mcp_config.json', '.codeium/mcp_config.json', '.vscode/mcp.json', '.gemini/settings.json'],
  ...[
    '.gemini/oauth_creds.json',
    '.gemini/.env',
    '.gemini/antigravity/mcp_config.json',
    '.qwen/settings.json',
    '.codex/config.toml',
  ],
  ...[
    '.codex/auth.json',
    '.codex/history.jsonl',
    '.codex/.env',
    '.continue/config.*',
    '.continue/.env',
    '.continue/mcpServers/*',
  ],
  ...['.copilot/*.json', '.aws/amazonq/mcp.json', '.kiro/settings/mcp.json', '.lmstudio/mcp.json', '.factory/mcp.json'],
  ...['.junie/mcp/mcp.json', '.augment/settings.json', '.aider.conf.yml', '.openclaw/*.json', '.local/share/opencode/*.json'],
  ...inSettings('Claude/claude_desktop_config.json', 'mcp/*.json', 'zed/settings.json', 'Zed/settings.json', 'goose/*.yaml'),
  ...inSettings('opencode/opencode.json*', 'crush/crush.json', 'io.datasette.llm/keys.json'),
  ...ofEditors('mcp.json', 'settings.json', 'profiles/*/mcp.json', 'profiles/*/settings.json'),
  ...ofEditors(
    'globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json',
    'globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json',
  ),
]

/** Where credentials lie in a home directory, of every system: one step of a path may be a glob. What a program of another system made may lie in this one too. */
export const HOME_PLACES: readonly string[] = [
  ...HISTORIES,
  ...SHELLS,
  ...PACKAGES,
  ...REPOSITORIES,
  ...CLOUDS,
  ...CLUSTERS,
  ...DATABASES,
  ...AGENTS,
]
