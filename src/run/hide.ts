/** Something of the user's that a task has no business with. `~` is each home directory of the user. */
export interface Hidden {
  /** What `--allow` takes. */
  readonly name: string
  readonly paths: readonly string[]
  /** Variables that point at it: they are removed, and where the value is a path, that path is hidden as well. */
  readonly variables?: readonly string[]
  /** True where `--allow` must let the command write: programs that keep their own state there. */
  readonly writable?: boolean
}

/**
 * Every standing credential and control channel of the user that `stint run` hides. A path that does not exist costs
 * nothing. Files inside the working directory (`.env` and the like) are the project's content and stay visible.
 */
export const HIDDEN: readonly Hidden[] = [
  {
    name: 'aws',
    paths: ['~/.aws', '~/.s3cfg', '~/.boto', '~/.saml2aws', '~/.config/s3cmd'],
    variables: [
      'AWS_SHARED_CREDENTIALS_FILE',
      'AWS_CONFIG_FILE',
      'AWS_WEB_IDENTITY_TOKEN_FILE',
      'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    ],
  },
  { name: 'gcloud', paths: ['~/.config/gcloud', '~/.gsutil'], variables: ['GOOGLE_APPLICATION_CREDENTIALS', 'CLOUDSDK_CONFIG'] },
  { name: 'azure', paths: ['~/.azure', '~/.azure-devops'], variables: ['AZURE_CONFIG_DIR', 'AZURE_FEDERATED_TOKEN_FILE'] },
  {
    name: 'clouds',
    paths: [
      ...['~/.oci', '~/.config/doctl', '~/.config/hcloud', '~/.config/linode-cli', '~/.fly', '~/.heroku', '~/.config/heroku'],
      ...['~/.wrangler', '~/.config/.wrangler', '~/.cloudflared', '~/.config/netlify', '~/.netlify', '~/.vercel', '~/.now'],
      ...['~/.local/share/com.vercel.cli', '~/.config/rclone', '~/.databrickscfg', '~/.snowsql', '~/.snowflake', '~/.config/scw'],
      ...['~/.config/openstack', '~/.bluemix', '~/.aliyun', '~/.config/stripe', '~/.supabase', '~/.config/railway', '~/.railway'],
    ],
  },
  {
    name: 'kube',
    paths: ['~/.kube', '~/.minikube', '~/.config/k9s', '~/.config/argocd', '~/.config/helm'],
    variables: ['KUBECONFIG'],
  },
  {
    name: 'docker',
    paths: [
      ...['~/.docker', '~/.dockercfg', '~/.config/containers', '~/.local/share/containers', '~/.local/share/docker'],
      ...[
        '~/.colima',
        '~/.lima',
        '~/.rd',
        '~/.orbstack',
        '/var/lib/docker',
        '/var/lib/containers',
        '/var/lib/containerd',
        '/run/docker.sock',
        '/run/podman',
      ],
    ],
    variables: ['DOCKER_HOST', 'DOCKER_CONFIG', 'DOCKER_CERT_PATH', 'CONTAINER_HOST', 'REGISTRY_AUTH_FILE', 'BUILDKIT_HOST'],
  },
  {
    name: 'git',
    paths: [
      '~/.gitconfig',
      '~/.config/git',
      '~/.git-credentials',
      '~/.git-credential-cache',
      '~/.gitcookies',
      '~/.hgrc',
      '~/.subversion',
    ],
    variables: [
      'GIT_CONFIG_GLOBAL',
      'GIT_ASKPASS',
      'VSCODE_GIT_IPC_HANDLE',
      'VSCODE_GIT_ASKPASS_NODE',
      'VSCODE_GIT_ASKPASS_MAIN',
    ],
  },
  {
    name: 'forges',
    paths: [
      ...['~/.config/gh', '~/.config/glab-cli', '~/.config/hub', '~/.config/tea', '~/.config/berg', '~/.config/bb'],
      ...['~/.config/jira', '~/.config/.jira', '~/.jira.d', '~/.config/linear'],
    ],
    variables: ['GH_CONFIG_DIR', 'GLAB_CONFIG_DIR'],
  },
  { name: 'ssh', paths: ['~/.ssh', '~/.config/ssh'], variables: ['SSH_AUTH_SOCK', 'SSH_AGENT_PID', 'SSH_ASKPASS'] },
  {
    name: 'gpg',
    paths: ['~/.gnupg', '~/.config/age', '~/.config/sops', '~/.age'],
    variables: ['GNUPGHOME', 'GPG_AGENT_INFO', 'SOPS_AGE_KEY_FILE'],
  },
  { name: 'netrc', paths: ['~/.netrc', '~/_netrc', '~/.authinfo', '~/.authinfo.gpg'], variables: ['NETRC'] },
  {
    name: 'npm',
    paths: ['~/.npmrc', '~/.yarnrc', '~/.yarnrc.yml', '~/.config/pnpm', '~/.config/npm', '~/.bunfig.toml'],
    variables: ['NPM_CONFIG_USERCONFIG', 'npm_config_userconfig', 'NPM_CONFIG_GLOBALCONFIG', 'npm_config_globalconfig'],
  },
  {
    name: 'pypi',
    paths: [
      '~/.pypirc',
      '~/.pip',
      '~/.config/pip',
      '~/.config/pypoetry',
      '~/.config/uv',
      '~/.local/share/uv/credentials',
      '~/.condarc',
    ],
    variables: ['PIP_CONFIG_FILE'],
  },
  { name: 'cargo', paths: ['~/.cargo/credentials', '~/.cargo/credentials.toml'] },
  {
    name: 'registries',
    paths: [
      ...[
        '~/.gem/credentials',
        '~/.local/share/gem/credentials',
        '~/.bundle',
        '~/.composer/auth.json',
        '~/.config/composer/auth.json',
      ],
      ...['~/.m2/settings.xml', '~/.m2/settings-security.xml', '~/.gradle/gradle.properties', '~/.nuget', '~/.config/NuGet'],
      ...['~/.hex', '~/.config/hex', '~/.jfrog', '~/.config/rstudio'],
    ],
  },
  {
    name: 'terraform',
    paths: ['~/.terraform.d', '~/.terraformrc', '~/.pulumi', '~/.ansible', '~/.vault_pass', '~/.chef'],
    variables: ['TF_CLI_CONFIG_FILE', 'ANSIBLE_VAULT_PASSWORD_FILE'],
  },
  { name: 'vault', paths: ['~/.vault-token', '~/.config/doppler', '~/.doppler', '~/.infisical', '~/.config/consul'] },
  {
    name: 'databases',
    paths: [
      ...['~/.pgpass', '~/.pg_service.conf', '~/.my.cnf', '~/.mylogin.cnf', '~/.mongodb', '~/.mongorc.js', '~/.redisclirc'],
      ...['~/.dbshell', '~/.local/share/DBeaverData', '~/.config/mycli', '~/.config/pgcli', '~/.config/usql', '~/.odbc.ini'],
    ],
    variables: ['PGPASSFILE', 'PGSERVICEFILE', 'MYSQL_HOME'],
  },
  {
    name: 'history',
    paths: [
      ...['~/.bash_history', '~/.zsh_history', '~/.zhistory', '~/.histfile', '~/.sh_history', '~/.history', '~/.python_history'],
      ...[
        '~/.node_repl_history',
        '~/.psql_history',
        '~/.mysql_history',
        '~/.sqlite_history',
        '~/.rediscli_history',
        '~/.irb_history',
      ],
      ...['~/.local/share/fish', '~/.local/share/atuin', '~/.local/share/zsh', '~/.local/state/bash', '~/.local/state/zsh'],
      ...['~/.lesshst', '~/.viminfo', '~/.local/state/nvim', '~/.wget-hsts', '~/.zsh_sessions', '~/.bash_sessions'],
    ],
    variables: ['HISTFILE'],
  },
  {
    name: 'browsers',
    paths: [
      ...[
        '~/.mozilla',
        '~/.config/google-chrome',
        '~/.config/google-chrome-beta',
        '~/.config/chromium',
        '~/.config/BraveSoftware',
      ],
      ...[
        '~/.config/microsoft-edge',
        '~/.config/vivaldi',
        '~/.config/opera',
        '~/.thunderbird',
        '~/snap',
        '~/.var/app',
        '~/.librewolf',
      ],
      ...['~/.config/Slack', '~/.config/discord', '~/.config/Signal', '~/.config/Element', '~/.local/share/evolution', '~/.pki'],
    ],
  },
  {
    name: 'passwords',
    paths: [
      ...[
        '~/.password-store',
        '~/.local/share/gopass',
        '~/.config/gopass',
        '~/.config/op',
        '~/.op',
        '~/.1password',
        '~/.config/1Password',
      ],
      ...[
        '~/.config/Bitwarden',
        '~/.config/Bitwarden CLI',
        '~/.config/rbw',
        '~/.local/share/rbw',
        '~/.config/keepassxc',
        '~/.lastpass',
      ],
    ],
    variables: ['PASSWORD_STORE_DIR'],
  },
  {
    name: 'keyrings',
    paths: [
      '~/.local/share/keyrings',
      '~/.gnome2/keyrings',
      '~/.local/share/kwalletd',
      '~/.kde/share/apps/kwallet',
      '~/.config/goa-1.0',
    ],
    variables: ['GNOME_KEYRING_CONTROL', 'KRB5CCNAME'],
  },
  {
    name: 'desktop',
    paths: ['~/.Xauthority', '~/.ICEauthority', '~/.dbus'],
    variables: [
      'DISPLAY',
      'WAYLAND_DISPLAY',
      'XAUTHORITY',
      'SESSION_MANAGER',
      'DBUS_SESSION_BUS_ADDRESS',
      'DBUS_SYSTEM_BUS_ADDRESS',
    ],
  },
  {
    name: 'terminals',
    paths: [],
    variables: ['TMUX', 'STY', 'ZELLIJ', 'KITTY_LISTEN_ON', 'WEZTERM_UNIX_SOCKET', 'NVIM', 'EMACS_SERVER_FILE'],
  },
  {
    name: 'editors',
    paths: [
      ...[
        '~/.config/Code',
        '~/.config/VSCodium',
        '~/.config/Cursor',
        '~/.config/JetBrains',
        '~/.local/share/JetBrains',
        '~/.config/zed',
      ],
      ...[
        '~/.vscode-server',
        '~/.cursor-server',
        '~/.local/share/code-server',
        '~/.config/code-server',
        '~/.ipython',
        '~/.jupyter',
      ],
    ],
    variables: ['VSCODE_IPC_HOOK', 'VSCODE_IPC_HOOK_CLI'],
  },
  {
    name: 'models',
    paths: [
      '~/.openai',
      '~/.anthropic',
      '~/.config/anthropic',
      '~/.huggingface',
      '~/.kaggle',
      '~/.config/kaggle',
      '~/.config/io.datasette.llm',
      '~/.replicate',
    ],
  },
  {
    name: 'agents',
    paths: [
      ...[
        '~/.claude',
        '~/.claude.json',
        '~/.config/claude',
        '~/.codex',
        '~/.gemini',
        '~/.copilot',
        '~/.config/github-copilot',
        '~/.cursor',
      ],
      ...[
        '~/.config/opencode',
        '~/.local/share/opencode',
        '~/.aider.conf.yml',
        '~/.continue',
        '~/.config/goose',
        '~/.config/amp',
        '~/.qwen',
      ],
    ],
    variables: ['CLAUDE_CONFIG_DIR', 'CODEX_HOME'],
    writable: true,
  },
  {
    name: 'mail',
    paths: ['~/.msmtprc', '~/.config/msmtp', '~/.mbsyncrc', '~/.fetchmailrc', '~/.muttrc', '~/.config/mutt', '~/.mailrc'],
  },
  {
    name: 'machine',
    paths: [
      ...[
        '/etc/shadow',
        '/etc/shadow-',
        '/etc/gshadow',
        '/etc/sudoers',
        '/etc/sudoers.d',
        '/etc/krb5.keytab',
        '/etc/ssh',
        '/etc/ssl/private',
      ],
      ...[
        '/etc/kubernetes',
        '/etc/rancher',
        '/var/lib/kubelet',
        '/var/lib/rancher',
        '/var/lib/cloud',
        '/var/lib/sss',
        '/etc/wireguard',
      ],
      ...['/etc/NetworkManager/system-connections', '/etc/openvpn', '/etc/docker/key.json', '/var/spool/cron', '/var/mail'],
    ],
  },
]

/** Variable names that say they hold a secret: a whole word of the name, words split at `_`, `-`, `.`, `/` and `:`. */
export const SECRET_NAMES: readonly RegExp[] = [
  /(^|[_\-./:])(token|tokens|secret|secrets|password|passwd|passphrase|passwords|credential|credentials|apikey|cookie|cookies|jwt|pat|dsn)([_\-./:\d]|$)/i,
  /(^|[_\-./:])(api|access|private|secret|account|auth|encryption|signing|master|license|service|admin|deploy|webhook)_?keys?([_\-./:\d]|$)/i,
  /(^|[_\-./:])access_key_id$/i,
  /(^|[_\-./:])_?auth(token|_token|_string|orization)?$/i,
  /(token|secret|password|passwd|apikey)$/i,
  /(^|_)(pass|pwd|pw)$(?<!^(old)?pwd$)/i,
  /^npm_config_.*_(auth|password)/i,
]

/** Values that are secrets by their shape, whatever the variable is called: published prefixes of well-known issuers. */
export const SECRET_VALUES: readonly RegExp[] = [
  /\b(ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,}/,
  /\bgithub_pat_\w{20,}/,
  /\bgl(pat|ptt|dt|rt|cbt|oas|soat|agent|imt|ft|ffct)-[\w-]{16,}/,
  /\bsk-[A-Za-z0-9_-]{20,}/,
  /\b(sk|rk|pk)_(live|test)_\w{10,}/,
  /\b(AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/,
  /\bAIza[\w-]{30,}/,
  /\bya29\.[\w-]{20,}/,
  /\bGOCSPX-[\w-]{20,}/,
  /\bxox[abeoprs]-[\w-]{10,}/,
  /\bxapp-[\w-]{10,}/,
  /\bnpm_[A-Za-z0-9]{30,}/,
  /\bpypi-[\w-]{20,}/,
  /\bhf_[A-Za-z0-9]{20,}/,
  /\bdop_v1_[a-f0-9]{40,}/,
  /\bdckr_(pat|oat)_[\w-]{20,}/,
  /\bhv[sbr]\.[\w-]{20,}/,
  /\.atlasv1\.[\w-]{20,}/,
  /\bSG\.[\w-]{16,}\.[\w-]{16,}/,
  /\bglsa_\w{20,}/,
  /\blin_api_\w{20,}/,
  /\bshp(at|ss|ca|pa)_[a-f0-9]{20,}/,
  /\b(gsk|r8|xai|pplx|tvly|fw|csk)[_-][\w-]{20,}/,
  /\bATATT3[\w-]{20,}/,
  /\bops_eyJ[\w-]{20,}/,
  /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*/,
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/,
  /\bAGE-SECRET-KEY-1\w{20,}/,
  /^(Bearer|Basic|token)\s+\S{8,}/i,
  /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i,
]
