import type { Operation } from '../../model.ts'
import type { RefusalText, SpokenRefusal } from '../connector.ts'

/** A refusal as an error of AWS's, which its clients show people: JSON for a call by X-Amz-Target, else XML. */
export function speakAwsRefusal({ headers }: Operation, { status, line }: RefusalText): SpokenRefusal {
  const isJson = headers['x-amz-target'] !== undefined
  const contentType = isJson ? 'application/x-amz-json-1.0' : 'application/xml'
  return {
    status,
    contentType,
    body: Buffer.from(isJson ? jsonOf(line) : xmlOf(line, /\/s3\/aws4_request\b/.test(headers.authorization ?? ''))),
  }
}

function jsonOf(line: string): string {
  return JSON.stringify({ __type: 'AccessDeniedException', message: line })
}

/** S3 has its error at the top, all others within an `ErrorResponse`. */
function xmlOf(line: string, isS3: boolean): string {
  const message = line.replace(/[<>&]/g, (one) => `&#${one.charCodeAt(0)};`)
  const said = `<Code>AccessDenied</Code><Message>${message}</Message>`
  const error = isS3 ? `<Error>${said}</Error>` : `<ErrorResponse><Error><Type>Sender</Type>${said}</Error></ErrorResponse>`
  return `<?xml version="1.0" encoding="UTF-8"?>\n${error}`
}
