import { following, known, named } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { hex } from '../sample.ts'

/** Exchanges, chains, and the prices on them. */
export const markets: readonly Rule[] = [
  ...rulesOf('Coinbase', 'https://docs.cdp.coinbase.com/', [
    named('coinbase-secret', 'API secret (classic)', ['coinbase'], '<alnum 32>'),
    named('coinbase-cdp-secret', 'secret of an Ed25519 key', ['coinbase', 'cdp_'], '<base64 86>=='),
  ]),
  ...rulesOf('Binance', 'https://developers.binance.com/docs/', [
    named('binance-key', 'API key or secret', ['binance'], '<alnum 64>'),
  ]),
  ...rulesOf('Kraken', 'https://docs.kraken.com/api/', [named('kraken-private-key', 'private key', ['kraken'], '<base64 86>==')]),
  ...rulesOf('KuCoin', 'https://www.kucoin.com/docs/', [named('kucoin-secret', 'API secret', ['kucoin'], '<uuid>')]),
  ...rulesOf('Bybit', 'https://bybit-exchange.github.io/docs/', [named('bybit-secret', 'API secret', ['bybit'], '<alnum 36>')]),
  ...rulesOf('OKX', 'https://www.okx.com/docs-v5/en/', [named('okx-secret', 'secret key', ['okx', 'okex'], '<HEX 32>')]),
  ...rulesOf('Bitfinex', 'https://docs.bitfinex.com/', [
    named('bitfinex-secret', 'API key or secret', ['bitfinex'], '<alnum 43>'),
  ]),
  ...rulesOf('Bitstamp', 'https://www.bitstamp.net/api/', [
    named('bitstamp-secret', 'API key or secret', ['bitstamp'], '<alnum 32>'),
  ]),
  ...rulesOf('Gate', 'https://www.gate.io/docs/developers/', [
    named('gate-secret', 'API secret', ['gateio', 'gate_io', 'gate.io'], '<hex 64>'),
  ]),
  ...rulesOf('Alpaca', 'https://docs.alpaca.markets/', [
    named('alpaca-secret', 'API secret', ['alpaca', 'apca'], '<alnum 40-44>'),
  ]),
  ...rulesOf('OANDA', 'https://developer.oanda.com/rest-live-v20/', [
    named('oanda-token', 'personal access token', ['oanda'], '<hex 32>-<hex 32>'),
  ]),
  ...rulesOf('Tradier', 'https://documentation.tradier.com/', [
    named('tradier-token', 'access token', ['tradier'], '<alnum 28>'),
  ]),
  ...rulesOf('Alpha Vantage', 'https://www.alphavantage.co/documentation/', [
    named('alphavantage-key', 'API key', ['alphavantage', 'alpha_vantage', 'alpha-vantage'], '<upper 16>'),
  ]),
  ...rulesOf('Polygon.io', 'https://polygon.io/docs', [
    named('polygon-key', 'API key', ['polygon_', 'polygonio', 'polygon.io'], '<url 32>'),
  ]),
  ...rulesOf('Finnhub', 'https://finnhub.io/docs/api', [
    named('finnhub-key', 'API key', ['finnhub'], '<lower 20>'),
    named('finnhub-key-long', 'API key (40 letters)', ['finnhub'], '<lower 40>', { samples: finnhubSamples }),
  ]),
  ...rulesOf('IEX Cloud', 'https://iexcloud.io/docs/', [
    named('iex-secret', 'secret token', ['iex_', 'iexcloud', 'iex-cloud'], 'sk_<hex 32>'),
  ]),
  ...rulesOf('Tiingo', 'https://www.tiingo.com/documentation/', [named('tiingo-token', 'API token', ['tiingo'], '<hex 40>')]),
  ...rulesOf('Twelve Data', 'https://twelvedata.com/docs', [
    named('twelvedata-key', 'API key', ['twelvedata', 'twelve_data'], '<hex 32>'),
  ]),
  ...rulesOf('Financial Modeling Prep', 'https://site.financialmodelingprep.com/developer/docs', [
    named('fmp-key', 'API key', ['fmp_', 'financialmodelingprep'], '<alnum 32>'),
  ]),
  ...rulesOf('Nasdaq Data Link', 'https://docs.data.nasdaq.com/', [
    named('nasdaq-key', 'API key', ['quandl', 'nasdaq'], '<url 20>'),
  ]),
  ...rulesOf('FRED', 'https://fred.stlouisfed.org/docs/api/', [
    named('fred-key', 'API key', ['fred_', 'stlouisfed'], '<lower 32>'),
  ]),
  ...rulesOf('Open Exchange Rates', 'https://docs.openexchangerates.org/', [
    named('openexchangerates-id', 'app id', ['openexchangerates', 'open_exchange_rates'], '<hex 32>'),
  ]),
  ...rulesOf('Fixer', 'https://fixer.io/documentation', [
    named('fixer-key', 'access key', ['fixer_', 'fixer.io', 'fixerio'], '<hex 32>'),
  ]),
  ...rulesOf('currencylayer', 'https://currencylayer.com/documentation', [
    named('currencylayer-key', 'access key', ['currencylayer'], '<hex 32>'),
  ]),
  ...rulesOf('CoinMarketCap', 'https://coinmarketcap.com/api/documentation/', [
    named('coinmarketcap-key', 'API key', ['coinmarketcap', 'cmc_'], '<uuid>'),
  ]),
  ...rulesOf('CoinGecko', 'https://docs.coingecko.com/', [known('coingecko-key', 'API key', 'CG-<alnum 24>', { entropy: 3 })]),
  ...rulesOf('CryptoCompare', 'https://developers.cryptocompare.com/', [
    named('cryptocompare-key', 'API key', ['cryptocompare'], '<hex 64>'),
  ]),
  ...rulesOf('Infura', 'https://docs.infura.io/', [
    following('infura-address', 'API key in an address', 'infura.io/v3/', '<hex 32>'),
    named('infura-key', 'API key or secret', ['infura'], '<hex 32>'),
  ]),
  ...rulesOf('Alchemy', 'https://www.alchemy.com/docs/', [
    following('alchemy-address', 'API key in an address', '.alchemy.com/v2/', '<url 32>'),
    named('alchemy-key', 'API key', ['alchemy_', 'alchemyapi'], '<url 32>'),
  ]),
  ...rulesOf('QuickNode', 'https://www.quicknode.com/docs/', [
    following('quicknode-address', 'token in an address', '.quiknode.pro/', '<hex 40>'),
  ]),
  ...rulesOf('Ankr', 'https://www.ankr.com/docs/', [
    {
      ...{ id: 'ankr-address', title: 'token in an address', keywords: ['rpc.ankr.com/'], confidence: 'high' },
      pattern: /rpc\.ankr\.com\/[a-z0-9_/]{2,40}\/(?<secret>[0-9a-f]{64})(?![0-9A-Za-z])/,
      samples: () => ({
        hits: [[`https://rpc.ankr.com/eth/${hex(64)}`, hex(64)]],
        misses: [`https://rpc.ankr.com/eth/${hex(63)}`, `https://rpc.ankr.com/eth/${hex(65)}`, 'https://rpc.ankr.com/eth'],
      }),
    },
  ]),
  ...rulesOf('Helius', 'https://www.helius.dev/docs/', [
    following('helius-address', 'API key in an address', 'helius-rpc.com/?api-key=', '<uuid>'),
  ]),
  ...rulesOf('Chainstack', 'https://docs.chainstack.com/', [
    following('chainstack-address', 'key in an address', '.core.chainstack.com/', '<hex 32>'),
  ]),
  ...rulesOf('Blockfrost', 'https://docs.blockfrost.io/', [
    named('blockfrost-mainnet', 'project id (mainnet)', ['blockfrost'], 'mainnet<alnum 32>'),
    named('blockfrost-preprod', 'project id (preprod)', ['blockfrost'], 'preprod<alnum 32>'),
  ]),
  ...rulesOf('Tatum', 'https://docs.tatum.io/', [named('tatum-key', 'API key', ['tatum'], 't-<hex 24>-<hex 24>')]),
  ...rulesOf('Etherscan', 'https://docs.etherscan.io/', [
    named(
      'etherscan-key',
      'API key',
      ['etherscan', 'bscscan', 'polygonscan', 'arbiscan', 'basescan', 'snowtrace', 'ftmscan'],
      '<upper 34>',
    ),
  ]),
]

function finnhubSamples() {
  const key = `c${hex(39)}`
  return {
    hits: [[`FINNHUB_API_KEY=${key}`, key] as const],
    misses: [key, `FINNHUB_API_KEY=${key.slice(1)}`, `FINNHUB_API_KEY=${key}0`],
  }
}
