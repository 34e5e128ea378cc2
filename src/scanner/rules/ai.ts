import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'

/** OpenAI's keys hold `OpenAI` in base 64 in their middle. */
const openai = (kind: string, title: string) =>
  known(`openai-${kind}`, title, `sk-${kind}-<url 20-90>T3BlbkFJ<url 20-90>`, { reach: { before: 8, after: 220 } })

const anthropic = (kind: string, prefix: string, title: string) =>
  known(`anthropic-${kind}`, title, `sk-ant-${prefix}-<url 93>AA`)

/** Models, and what is built around them. */
export const ai = [
  ...rulesOf('OpenAI', 'https://platform.openai.com/docs/api-reference/authentication', [
    openai('proj', 'project API key'),
    openai('svcacct', 'service account API key'),
    openai('admin', 'admin API key'),
    known('openai-user', 'user API key', 'sk-<alnum 20>T3BlbkFJ<alnum 20>', { keywords: ['t3blbkfj'] }),
  ]),
  ...rulesOf('Anthropic', 'https://docs.anthropic.com/en/api/overview', [
    anthropic('api', 'api03', 'API key'),
    anthropic('admin', 'admin01', 'admin API key'),
    anthropic('oauth', 'oat01', 'OAuth access token'),
    anthropic('refresh', 'ort01', 'OAuth refresh token'),
    anthropic('session', 'sid01', 'session key'),
  ]),
  ...rulesOf('Mistral AI', 'https://docs.mistral.ai/', [named('mistral-api', 'API key', ['mistral'], '<alnum 32>')]),
  ...rulesOf('Cohere', 'https://docs.cohere.com/', [named('cohere-api', 'API key', ['cohere', 'co_api'], '<alnum 40>')]),
  ...rulesOf('Groq', 'https://console.groq.com/docs/quickstart', [known('groq-api', 'API key', 'gsk_<alnum 52>')]),
  ...rulesOf('xAI', 'https://docs.x.ai/', [known('xai-api', 'API key', 'xai-<alnum 80>')]),
  ...rulesOf('Hugging Face', 'https://huggingface.co/docs/hub/security-tokens', [
    known('huggingface-user', 'user access token', 'hf_<alnum 34>'),
    known('huggingface-organization', 'organization API token', 'api_org_<alnum 34>'),
  ]),
  ...rulesOf('Replicate', 'https://replicate.com/docs/topics/security/api-tokens', [
    known('replicate-api', 'API token', 'r8_<alnum 37>'),
  ]),
  ...rulesOf('Perplexity', 'https://docs.perplexity.ai/', [known('perplexity-api', 'API key', 'pplx-<alnum 48>')]),
  ...rulesOf('Together AI', 'https://docs.together.ai/', [
    known('together-api', 'API key', 'tgp_v1_<url 43>'),
    named('together-legacy', 'API key (legacy)', ['together_', 'together-ai', 'togetherai'], '<hex 64>'),
  ]),
  ...rulesOf('Fireworks AI', 'https://docs.fireworks.ai/', [
    named('fireworks-api', 'API key', ['fireworks'], 'fw_<alnum 22-24>'),
  ]),
  ...rulesOf('DeepSeek', 'https://api-docs.deepseek.com/', [named('deepseek-api', 'API key', ['deepseek'], 'sk-<hex 32>')]),
  ...rulesOf('OpenRouter', 'https://openrouter.ai/docs/api-reference/authentication', [
    known('openrouter-api', 'API key', 'sk-or-v1-<hex 64>'),
  ]),
  ...rulesOf('ElevenLabs', 'https://elevenlabs.io/docs/api-reference/authentication', [
    named('elevenlabs-api', 'API key', ['elevenlabs', 'eleven_', 'xi-api'], 'sk_<hex 48>'),
    named('elevenlabs-legacy', 'API key (legacy)', ['elevenlabs', 'eleven_', 'xi-api'], '<hex 32>'),
  ]),
  ...rulesOf('LangSmith', 'https://docs.smith.langchain.com/', [
    known('langsmith-personal', 'personal access token', 'lsv2_pt_<hex 32>_<hex 10>'),
    known('langsmith-service', 'service key', 'lsv2_sk_<hex 32>_<hex 10>'),
  ]),
  ...rulesOf('Langfuse', 'https://langfuse.com/docs', [known('langfuse-secret', 'secret key', 'sk-lf-<uuid>')]),
  ...rulesOf('Weights & Biases', 'https://docs.wandb.ai/', [
    named('wandb-api', 'API key', ['wandb', 'weights_and_biases'], '<hex 40>'),
  ]),
  ...rulesOf('Pinecone', 'https://docs.pinecone.io/guides/projects/manage-api-keys', [
    known('pinecone-api', 'API key', 'pcsk_<alnum 4-8>_<alnum 55-70>'),
    named('pinecone-legacy', 'API key (legacy)', ['pinecone'], '<uuid>'),
  ]),
  ...rulesOf('Stability AI', 'https://platform.stability.ai/docs/getting-started', [
    named('stability-api', 'API key', ['stability', 'dreamstudio'], 'sk-<alnum 48>'),
  ]),
  ...rulesOf('AssemblyAI', 'https://www.assemblyai.com/docs', [
    named('assemblyai-api', 'API key', ['assemblyai', 'assembly_ai'], '<hex 32>'),
  ]),
  ...rulesOf('Deepgram', 'https://developers.deepgram.com/docs', [named('deepgram-api', 'API key', ['deepgram'], '<hex 40>')]),
  ...rulesOf('Voyage AI', 'https://docs.voyageai.com/', [named('voyage-api', 'API key', ['voyage'], 'pa-<url 43>')]),
  ...rulesOf('Jina AI', 'https://jina.ai/', [known('jina-api', 'API key', 'jina_<hex 32><url 28>')]),
  ...rulesOf('NVIDIA', 'https://docs.nvidia.com/ngc/', [known('nvidia-api', 'API key', 'nvapi-<url 64>')]),
  ...rulesOf('Cerebras', 'https://inference-docs.cerebras.ai/', [known('cerebras-api', 'API key', 'csk-<lower 48>')]),
  ...rulesOf('SambaNova', 'https://docs.sambanova.ai/', [named('sambanova-api', 'API key', ['sambanova'], '<uuid>')]),
  ...rulesOf('Anyscale', 'https://docs.anyscale.com/', [known('anyscale-api', 'API key', 'esecret_<alnum 26>')]),
  ...rulesOf('AI21', 'https://docs.ai21.com/', [named('ai21-api', 'API key', ['ai21'], '<alnum 32>')]),
  ...rulesOf('Tavily', 'https://docs.tavily.com/', [
    known('tavily-api', 'API key', 'tvly-<alnum 32>'),
    known('tavily-dev', 'development API key', 'tvly-dev-<alnum 32>'),
  ]),
  ...rulesOf('Exa', 'https://docs.exa.ai/', [named('exa-api', 'API key', ['exa_', 'exa-'], '<uuid>')]),
  ...rulesOf('Firecrawl', 'https://docs.firecrawl.dev/', [named('firecrawl-api', 'API key', ['firecrawl'], 'fc-<hex 32>')]),
  ...rulesOf('Serper', 'https://serper.dev/', [named('serper-api', 'API key', ['serper'], '<hex 40>')]),
  ...rulesOf('SerpApi', 'https://serpapi.com/search-api', [named('serpapi-api', 'API key', ['serpapi', 'serp_api'], '<hex 64>')]),
  ...rulesOf('LlamaIndex', 'https://docs.cloud.llamaindex.ai/', [
    known('llamacloud-api', 'API key of LlamaCloud', 'llx-<alnum 48>'),
  ]),
  ...rulesOf('E2B', 'https://e2b.dev/docs', [known('e2b-api', 'API key', 'e2b_<hex 40>')]),
  ...rulesOf('Modal', 'https://modal.com/docs', [
    named('modal-token', 'token secret', ['modal_token', 'modal.com'], 'as-<alnum 22>'),
  ]),
  ...rulesOf('RunPod', 'https://docs.runpod.io/', [known('runpod-api', 'API key', 'rpa_<alnum 40-50>')]),
  ...rulesOf('Baseten', 'https://docs.baseten.co/', [named('baseten-api', 'API key', ['baseten'], '<alnum 8>.<alnum 32>')]),
  ...rulesOf('Clarifai', 'https://docs.clarifai.com/', [
    named('clarifai-pat', 'personal access token', ['clarifai'], '<hex 32>'),
  ]),
  ...rulesOf('Z.ai', 'https://docs.z.ai/', [
    named('zai-api', 'API key', ['zhipu', 'bigmodel', 'zai_', 'glm_'], '<hex 32>.<alnum 16>'),
  ]),
  ...rulesOf('Moonshot AI', 'https://platform.moonshot.ai/docs', [
    named('moonshot-api', 'API key', ['moonshot', 'kimi_'], 'sk-<alnum 48>'),
  ]),
  ...rulesOf('SiliconFlow', 'https://docs.siliconflow.cn/', [
    named('siliconflow-api', 'API key', ['siliconflow'], 'sk-<lower 48>'),
  ]),
  ...rulesOf('Upstage', 'https://console.upstage.ai/docs', [named('upstage-api', 'API key', ['upstage'], 'up_<alnum 29>')]),
  ...rulesOf('Runway', 'https://docs.dev.runwayml.com/', [named('runway-api', 'API secret', ['runway'], 'key_<hex 128>')]),
  ...rulesOf('Black Forest Labs', 'https://docs.bfl.ai/', [named('bfl-api', 'API key', ['bfl_', 'bfl.ai'], '<uuid>')]),
  ...rulesOf('fal', 'https://docs.fal.ai/', [named('fal-api', 'API key', ['fal_', 'fal.ai', 'fal-ai'], '<uuid>:<hex 32>')]),
  ...rulesOf('Browserbase', 'https://docs.browserbase.com/', [known('browserbase-api', 'API key', 'bb_live_<url 27>')]),
  ...rulesOf('Braintrust', 'https://www.braintrust.dev/docs', [
    named('braintrust-api', 'API key', ['braintrust'], 'sk-<alnum 48>'),
  ]),
  ...rulesOf('Mem0', 'https://docs.mem0.ai/', [named('mem0-api', 'API key', ['mem0'], 'm0-<alnum 40>')]),
]
