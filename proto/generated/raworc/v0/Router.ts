// Original file: delivery.proto

import type { RoutedAgent as _raworc_v0_RoutedAgent, RoutedAgent__Output as _raworc_v0_RoutedAgent__Output } from '../../raworc/v0/RoutedAgent.ts';

/**
 * The model that chooses which agent answers a message, or answers it itself. The guest calls it.
 */
export interface Router {
  /**
   * "anthropic" or "openai"
   */
  'api'?: (string);
  'baseUrl'?: (string);
  'model'?: (string);
  /**
   * name of the space's secret with its key; empty: it needs none
   */
  'keySecret'?: (string);
  /**
   * 0: the API's own limit
   */
  'maxTokens'?: (number);
  /**
   * for the choice or answer, repeated calls included
   */
  'timeoutS'?: (number);
  /**
   * that it can choose
   */
  'agents'?: (_raworc_v0_RoutedAgent)[];
}

/**
 * The model that chooses which agent answers a message, or answers it itself. The guest calls it.
 */
export interface Router__Output {
  /**
   * "anthropic" or "openai"
   */
  'api': (string);
  'baseUrl': (string);
  'model': (string);
  /**
   * name of the space's secret with its key; empty: it needs none
   */
  'keySecret': (string);
  /**
   * 0: the API's own limit
   */
  'maxTokens': (number);
  /**
   * for the choice or answer, repeated calls included
   */
  'timeoutS': (number);
  /**
   * that it can choose
   */
  'agents': (_raworc_v0_RoutedAgent__Output)[];
}
